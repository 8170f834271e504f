"""Training: the loop, the step, the objective, resuming and devices."""
