"""The value of a mask where nothing is known of a pixel, as in `torch.nn.functional.cross_entropy`."""

IGNORE_INDEX = 255
