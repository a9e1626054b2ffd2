"""A box with every kind of device, for the demo, the fault matrix and the idle benchmark."""
