"""VOC XML: reading, checking and replacing a folder of box files."""
