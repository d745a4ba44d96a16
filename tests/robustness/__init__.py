"""Bad input of every kind: nothing may crash, hang, or come out wrong in silence."""
