"""One module a kind of device: `reader` (with `coming`: was the card seen coming?), `source`
(scanners and cameras), `document`, `barrier`, `prompts`, `pinpad`, `printer`. Each has a suite to
inherit, and the bench that it asks for: the device, and what a person or a wire does to it.
"""
