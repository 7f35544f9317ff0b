"""What a run is going to take: jobs, GPU-hours and disk, before anything is submitted."""
