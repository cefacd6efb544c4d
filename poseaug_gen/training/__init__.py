"""Training: losses, history pool, schedule, run folder."""
