"""A stand-in for a GPU: what its arrays refuse, without the device."""
