"""The default voice pack: `pack/<language>/<key>.wav`, made from the [voice] texts by `build`.

`./run` makes it (it is not in the repository), the Debian package ships it, the `voice` driver
finds it by the entry point `onecard.voices`.
"""
