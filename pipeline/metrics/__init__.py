"""Metrics of masks (M_J, M_F) and of listening (G-mIoU, swap test)."""
