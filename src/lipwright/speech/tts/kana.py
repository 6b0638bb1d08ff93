"""Japanese in kana to the phonemes of the neural voices.

Kana say how a word sounds, so they need rules, not a dictionary: consonant rows, the small ya/yu/yo that palatalise
them, the moraic nasal that takes the place of the next consonant, doubled consonants and long vowels. Kanji do need a
dictionary of readings, which is not part of Lipwright; a script with kanji is refused with a sentence that says so.
"""

from __future__ import annotations

import re
import unicodedata

# Rows of the syllabary: a, i, u, e, o. Each vowel column has the consonant that really stands there.
_ROWS = {
    "あいうえお": ("a", "i", "ɯ", "e", "o"),
    "かきくけこ": ("ka", "kʲi", "kɯ", "ke", "ko"),
    "がぎぐげご": ("ɡa", "ɡʲi", "ɡɯ", "ɡe", "ɡo"),
    "さしすせそ": ("sa", "ɕi", "sɨ", "se", "so"),
    "ざじずぜぞ": ("ʣa", "ʥi", "zɨ", "ʣe", "ʣo"),
    "たちつてと": ("ta", "ʨi", "ʦɨ", "te", "to"),
    "だぢづでど": ("da", "ʥi", "zɨ", "de", "do"),
    "なにぬねの": ("na", "ɲi", "nɯ", "ne", "no"),
    "はひふへほ": ("ha", "çi", "ɸɯ", "he", "ho"),
    "ばびぶべぼ": ("ba", "bʲi", "bɯ", "be", "bo"),
    "ぱぴぷぺぽ": ("pa", "pʲi", "pɯ", "pe", "po"),
    "まみむめも": ("ma", "mʲi", "mɯ", "me", "mo"),
    "らりるれろ": ("ɾa", "ɾʲi", "ɾɯ", "ɾe", "ɾo"),
    "やゆよ": ("ja", "jɯ", "jo"),
    "わゐゑを": ("βa", "i", "e", "o"),
    "ゔ": ("vɯ",),
    "ぁぃぅぇぉ": ("a", "i", "ɯ", "e", "o"),
    "ゃゅょゎ": ("ja", "jɯ", "jo", "βa"),
}
_SYLLABLES = {kana: sound for row, sounds in _ROWS.items() for kana, sound in zip(row, sounds, strict=True)}
_SMALL_Y = {"ゃ": "a", "ゅ": "ɨ", "ょ": "o"}
_SMALL_VOWELS = {"ぁ": "a", "ぃ": "i", "ぅ": "ɯ", "ぇ": "e", "ぉ": "o"}
# Greetings that end in the particle and are written as one word.
_GREETINGS = re.compile("(こんにち|こんばん)は")
_PARTICLES = {"は": "βa", "へ": "e"}
_MARKS = {"、": ",", "。": ".", "「": "“", "」": "”", "『": "“", "』": "”", "・": " ", "〜": "ː", "~": "ː"}
_KEPT_MARKS = frozenset(',.!?…:;—“”"')
_NASAL_BEFORE = {**dict.fromkeys("pbm", "m"), **dict.fromkeys("tdnɲʦʨʣʥzɾ", "n"), **dict.fromkeys("kɡ", "ŋ")}


def has_kana(text: str) -> bool:
    """Whether `text` holds any hiragana or katakana."""
    return any("\u3041" <= c <= "\u30fa" for c in unicodedata.normalize("NFKC", text))


def unreadable(text: str) -> str:
    """The letters of `text` that kana rules cannot read: kanji, and letters of other alphabets."""
    return "".join(
        c for c in unicodedata.normalize("NFKC", text) if c.isalnum() and not "\u3041" <= c <= "\u30ff" and c != "ー"
    )


def phonemes(text: str) -> str:
    """The phonemes of kana; what is neither kana nor a punctuation mark is left out.

    A は or へ that stands alone between spaces or marks is read as the particle (wa, e).
    """
    hiragana = _GREETINGS.sub(r"\1わ", _hiragana(unicodedata.normalize("NFKC", text)))
    sounds = [_word(word) for word in re.split(r"(\s+|[、。「」『』・〜~,.!?…:;—“”\"])", hiragana)]
    return _assimilated(re.sub(r"\s+", " ", "".join(sounds))).strip()


def _hiragana(text: str) -> str:
    """Katakana as the hiragana of the same sound; they lie at a fixed distance from each other."""
    return "".join(chr(ord(c) - 0x60) if "\u30a1" <= c <= "\u30f6" else c for c in text)


def _word(word: str) -> str:
    """The sounds of a run without spaces or marks, or the sign for a mark."""
    if word in _MARKS or word in _KEPT_MARKS:
        return _MARKS.get(word, word)
    if word.isspace():
        return " "
    if word in _PARTICLES:
        return _PARTICLES[word]
    sounds: list[str] = []
    for kana in word:
        before = sounds[-1] if sounds else ""
        if kana == "ん":
            sounds.append("ɴ")
        elif kana == "っ":
            sounds.append("ʔ")
        elif kana == "ー":
            sounds.append("ː")
        elif kana in _SMALL_Y and before.endswith("i") and len(before) > 1:
            sounds[-1] = before[:-1] + _SMALL_Y[kana]
        elif kana in _SMALL_Y and before in ("te", "de", "ɸɯ", "vɯ"):
            sounds[-1] = before[:-1] + "ʲ" + _SMALL_Y[kana]
        elif kana in _SMALL_VOWELS and len(before) > 1 and before[-1] in "iɯɨeo":
            sounds[-1] = _foreign(before, _SMALL_VOWELS[kana])
        elif kana in _SMALL_VOWELS and before == "ɯ":
            sounds[-1] = "β" + _SMALL_VOWELS[kana]
        elif kana in _SYLLABLES:
            sounds.append(_SYLLABLES[kana])
    return "".join(sounds)


def _foreign(syllable: str, vowel: str) -> str:
    """A consonant with a vowel that the old syllabary has no sign for, as in "ti", "fa", "kwa" or "she"."""
    consonant = syllable[:-1].rstrip("ʲ") if vowel != "i" else syllable[:-1]
    if consonant in ("k", "ɡ") and syllable.endswith("ɯ"):
        return f"{consonant}ᵝ{vowel}"
    if vowel == "i" and consonant in ("t", "d", "ɸ", "v", "ʦ"):
        return f"{consonant}ʲi"
    return consonant + vowel


def _assimilated(sounds: str) -> str:
    """The moraic nasal in the place of the consonant after it."""
    return re.sub("ɴ(.)", lambda match: _NASAL_BEFORE.get(match[1], "ɴ") + match[1], sounds)
