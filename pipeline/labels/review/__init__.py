"""Label quality: agreement, annotators' history, and the check report."""
