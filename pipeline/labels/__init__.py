"""Annotations: boxes in VOC XML, Label Studio, merging, and quality checks. Without torch."""
