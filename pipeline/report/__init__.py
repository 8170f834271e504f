"""The report: one self-contained page from what training and evaluation wrote.

`inputs` reads, `compare` and `tables` count, `curves` and `tsne` draw, `page` lays out, `summary` writes the
figures that `dvc metrics` shows. The same inputs give the same bytes.
"""
