"""Settings: params.yaml, variants, presets, and the resolved settings of one run."""
