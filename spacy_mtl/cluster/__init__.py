"""Annotating, training and comparing on a Ray cluster; nothing else imports Ray."""
