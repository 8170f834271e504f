"""VOC XML files: one a frame, read, checked and replaced as a folder."""
