"""The mask value of pixels to ignore, as in `torch.nn.functional.cross_entropy`."""

IGNORE_INDEX = 255
