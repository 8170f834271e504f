"""Metrics: M_J and M_F of masks, and the negative-audio test (G-mIoU, sensitivity, swap test)."""
