"""Label Studio: server, client, tasks, exports and proposals."""
