"""A finding in words."""

from agent.doctor.findings import Finding
from agent.messages.texts import Texts


def words_for(texts: Texts, finding: Finding) -> str:
    """The finding's own words, then those of the fault behind it."""
    words = [texts.finding(finding.id, **finding.facts)]
    if finding.cause is not None:
        words.append(texts.trouble(*finding.cause))
    return ("" if texts.language == "zh" else " ").join(words)
