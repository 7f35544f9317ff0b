"""The library behind the Video-R2 workflow; imports point from `config` and `records` towards `paper`."""
