"""The report: one self-contained page from the outputs of training and evaluation.

`inputs` reads; `compare`, `intervals`, `power` and `holm` compare; `tables` and `text` phrase; `curves`,
`tsne` and `pictures` draw; `page` lays out; `summary` writes the figures that `dvc metrics` shows. The same
inputs give the same bytes.
"""
