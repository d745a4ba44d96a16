"""What a comparison found, as one HTML page for a browser."""
