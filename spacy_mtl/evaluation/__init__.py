"""Running configurations and comparing what comes out."""
