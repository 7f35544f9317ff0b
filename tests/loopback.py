"""A judge server on loopback that answers well, badly, late or not at all, as a test wants it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from video_r2 import config
from video_r2.judge.llm import LLMJudge

Behaviour = Callable[[dict, int], object]


class Server:
    """Answers with what `behaviour` makes of the request and its number: a body, a status, or a way to fail."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = lambda request, number: {}
        self.requests: list[dict] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.requests.append({**body, "path": self.path, "authorization": self.headers["Authorization"]})
                    number = len(outer.requests)
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                reply = outer.behaviour(body, number)
                # Before the reply: who has it may ask again at once.
                with outer.lock:
                    outer.at_once -= 1
                outer.answer(self, reply)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, reply: object) -> None:
        if reply == "cut":
            handler.connection.close()
            return
        if reply == "half":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"choices": [{"mess')
            handler.connection.close()
            return
        if reply == "cut after JSON":
            body = json.dumps({"choices": [{"message": {"content": '{"score": 1}'}}]}).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body) + 50))
            handler.end_headers()
            handler.wfile.write(body)
            handler.connection.close()
            return
        if reply in ("drops", "drops of headers", "drops of chunks"):
            if reply == "drops of headers":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Slow: ")
            elif reply == "drops of chunks":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            else:
                handler.send_response(200)
                handler.end_headers()
            with suppress(OSError):  # whoever asked is gone
                for _ in range(100):
                    handler.wfile.write(b"0" if reply == "drops of chunks" else b" ")
                    time.sleep(0.05)
            return
        if isinstance(reply, int):
            reply = (reply, "0")
        if isinstance(reply, tuple):
            status, retry_after, *said = reply
            handler.send_response(status)
            handler.send_header("Retry-After", retry_after)
            handler.send_header("Content-Length", str(sum(map(len, said))))
            handler.end_headers()
            handler.wfile.write("".join(said).encode())
            return
        content = reply if isinstance(reply, str) else json.dumps(reply)
        body = (
            content[4:] if content.startswith("RAW:") else json.dumps({"choices": [{"message": {"content": content}}]})
        )
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def judge(self, **settings: object) -> LLMJudge:
        defaults = {"kind": "llm", "model": "m", "url": self.url, "timeout": 5.0, "retries": 2, "concurrency": 8}
        return LLMJudge(config.Judge.model_validate({**defaults, **settings}), wait=0.01)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def question_of(request: dict) -> dict:
    """What a request asks, apart from the prompt."""
    return json.loads(request["messages"][1]["content"])
