"""Whether sharing pays: single-task against joint training, on the same data, tested."""
