"""One thin command for each DVC stage: read params, call `pipeline`, write outputs."""
