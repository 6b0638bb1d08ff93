"""Which mouth shape each speech sound makes.

Two alphabets meet here: ARPABET, which pocketsphinx speaks, and the IPA of the neural voices, whose sounds label the
training data. Both end in the fourteen classes of `lipwright.speech.visemes`. The grouping is by what a camera sees:
`n` and `l` look like `d`, a glottal `h` has no shape of its own and wears that of the next vowel, and a diphthong is
two shapes one after the other. A tapped `r` goes with `d` and a uvular one with `k`, because that is where the tongue
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lipwright.speech.visemes import VISEMES

CLASS = {name: index for index, name in enumerate(VISEMES)}
SIL = CLASS["sil"]
PP = CLASS["PP"]
FF = CLASS["FF"]


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound: its symbol and the half-open span [start, end) in seconds."""

    symbol: str
    start: float
    end: float


# The dictionary writes one AH for the vowel of "cup" and every weak one; weak ones are more, so it is the middling E.
# A value of two names is a diphthong: the first shape for `GLIDE_AT` of the time, then the second.
# An empty value has no shape of its own and takes that of the sound after it.
GLIDE_AT = 0.58
_ARPABET = {
    "SIL": "sil", "+SPN+": "sil", "+NSN+": "sil", "+BREATH+": "sil",
    "P": "PP", "B": "PP", "M": "PP", "F": "FF", "V": "FF", "TH": "TH", "DH": "TH",
    "T": "DD", "D": "DD", "N": "DD", "L": "DD", "S": "SS", "Z": "SS",
    "CH": "CH", "JH": "CH", "SH": "CH", "ZH": "CH", "K": "kk", "G": "kk", "NG": "kk", "HH": "",
    "R": "RR", "ER": "RR", "AA": "aa", "AE": "aa", "AH": "E", "AO": "O", "EH": "E", "IH": "I", "IY": "I", "Y": "I",
    "UH": "U", "UW": "U", "W": "U", "AY": "aa I", "AW": "aa U", "EY": "E I", "OW": "O U", "OY": "O I",
}  # fmt: skip
_IPA_GROUPS = {
    "PP": "pbmβ", "FF": "fvʋɸ", "TH": "θð", "DD": "tdnlɾɽʈɖɳɲʎT", "SS": "szʦʣ", "CH": "ʃʒʧʤɕʂʨʥꭧç",
    "kk": "kɡŋɴxχɣɰqcɟʁʀ", "RR": "ɹɻrɚ", "aa": "aɑɐʌæ", "E": "eɛəᵊɤɜ", "I": "iɪɨᵻjʝ", "O": "oɔɒøœ", "U": "uʊɯwyʏɥ",
    "": "hʔɦʰ", "E I": "A", "aa I": "I", "O U": "OQ", "aa U": "W", "O I": "Y",
}  # fmt: skip
_IPA = {symbol: shape for shape, symbols in _IPA_GROUPS.items() for symbol in symbols}
# These change the sound before them and are no sound of their own: length, nasality, palatalisation; stress. Aspiration
# is one: the lips of a `pʰ` have parted.
IPA_MODIFIERS = frozenset("ːˑ̃ʲᵝ")
IPA_STRESS = frozenset("ˈˌ")


def arpabet_shape(symbol: str) -> str | None:
    """The shape names of an ARPABET phone (one, two for a diphthong, "" for `HH`), or None if it is not one."""
    return _ARPABET.get(symbol.rstrip("012").upper())


def ipa_shape(symbol: str) -> str | None:
    """The shape names of one IPA character of the neural voices' alphabet, or None if it is no sound."""
    return _IPA.get(symbol)


def shape_spans(phones: Sequence[Phone], *, ipa: bool = False) -> list[tuple[int, float, float]]:
    """The viseme class of every stretch of a phone sequence.

    Args:
        phones: sounds in order of time; unknown symbols count as silence.
        ipa: the symbols are IPA, not ARPABET.

    Returns:
        (class index, start, end) in seconds; diphthongs are split, and sounds without a shape of their own wear the
        next sound's (or the previous one's at the end of an utterance).
    """
    lookup = ipa_shape if ipa else arpabet_shape
    found = [lookup(p.symbol) for p in phones]
    shapes = ["sil" if shape is None else shape for shape in found]
    for i in range(len(shapes) - 1, -1, -1):
        if shapes[i] == "":
            after = shapes[i + 1].split()[0] if i + 1 < len(shapes) else "sil"
            before = shapes[i - 1].split()[-1] if i and shapes[i - 1] else "sil"
            shapes[i] = after if after != "sil" else before
    spans: list[tuple[int, float, float]] = []
    for phone, shape in zip(phones, shapes, strict=True):
        names = shape.split()
        if len(names) == 1:
            spans.append((CLASS[names[0]], phone.start, phone.end))
            continue
        turn = phone.start + GLIDE_AT * (phone.end - phone.start)
        spans += [(CLASS[names[0]], phone.start, turn), (CLASS[names[1]], turn, phone.end)]
    return spans
