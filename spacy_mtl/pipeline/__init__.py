"""The spaCy face of the package: the component `multitask` and its factory."""
