"""Speed beside the standard library's `ssl`, in the same process, taking turns."""
