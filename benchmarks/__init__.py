"""Speed and memory: `python -m benchmarks` measures everything side by side and prints Markdown tables."""
