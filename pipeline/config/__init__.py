"""Settings: params.yaml, variants, presets, project paths and the resolved run config."""
