"""What a scene of another package may do wrong, as faults."""

from world import Fault


class SceneDefect(Fault):
    """A scene of another package did what its port does not know. Facts: `scene`, `package`,
    `point` (MODULE:NAME), `where` (what was asked of it), `error` (the exception's type)."""

    code = "scene.defect"


class SceneSpeechless(SceneDefect):
    """What a scene would add to a prompt failed; the decision stands, and the reason's own words
    are shown. Facts as of `SceneDefect`."""

    code = "scene.speechless"
