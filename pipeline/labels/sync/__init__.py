"""Labels brought from Label Studio or from files into the label folder, and back."""
