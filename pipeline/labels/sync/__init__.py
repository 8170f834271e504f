"""Import and export: labels from Label Studio or files into the label folder, and back."""
