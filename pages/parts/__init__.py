"""What pages share; the only home of caches and session state."""
