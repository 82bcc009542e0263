"""Every database read of the data plane: named, few, counted in tests."""
