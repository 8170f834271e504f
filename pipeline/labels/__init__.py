"""What people draw: boxes in VOC XML, the Label Studio loop, and the checks. Knows no torch."""
