"""The signed lists of one terminal, in `<data>/lists`: one way in, one way to lie there.

Envelope ─▶ every ─┬▶ in_memory ─▶ a value (fares, entitlements, lines, keys)   ─┐
                   └▶ on_disk ─▶ child `load` ─▶ a searched file (blacklist, …) ─┴▶ folder
                                                    `<name>-<version>.list`, `<name>.json`
"""
