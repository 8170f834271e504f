"""Losses: one a file, pure functions of tensors; `terms` lists them, `inputs` says what they may read."""
