"""Quality of the labels: agreement, outcomes, and the check report."""
