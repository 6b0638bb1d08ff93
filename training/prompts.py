"""What the training voices say.

English is made by a small grammar of our own (natural rhythm and weak forms) and by strings of dictionary words (rare
sound pairs). For other languages the voices are given plausible syllables of that language straight in phonemes: a head
that hears mouth shapes needs the language's sounds and their neighbours, not its meaning, and no foreign-language
pronouncer (most are GPL) is needed to make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


def _options(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_PEOPLE = _options(
    "my brother|the farmer|our neighbour|a young pilot|the baker|Mister Foster|Rebecca|the band|your doctor|"
    "this family|Peter|a famous painter|the whole village|somebody|Victoria|the old fisherman|"
    "the woman from Vermont|everybody|Thomas|the jury|the prime minister|a bus driver|her grandmother|"
    "the judge|Philip and Joshua|the goalkeeper|George|the choir"
)
_VERBS = _options(
    "bought|never found|promised to bring|opened|forgot about|put down|looked through|moved|would rather have|"
    "paid for|gave away|should measure|washed|jumped over|remembered|might deliver|was thinking of|prefers|"
    "has always wanted|described|built|chose|threw away|laughed at|caught|could hardly see|finished|borrowed|"
    "will probably fix|showed me"
)
_THINGS = _options(
    "a bottle of warm milk|the blue umbrella|five pounds of apples|the broken vase|an empty box|"
    "seven thousand books|the river bridge|a piece of cheese cake|that huge machine|the first chapter|"
    "a very small fish|the paper map|some fresh bread|the other shoe|a violin|the measurement|"
    "two pairs of gloves|the garage roof|a beautiful jacket|the mayor's speech|a cup of coffee|"
    "their new number|nothing but trouble|the whole thing|a yellow submarine|pepper and salt|"
    "the view from above|a pair of boots|the birthday present|your best photograph|the thick oil|a loose tooth"
)
_PLACES = _options(
    "by the window|before breakfast|on a Monday evening|in the middle of February|beneath the bridge|"
    "at half past five|above the shop|for the third time|without any help|because of the fog|over the mountain|"
    "during the film|after the game|in Memphis|behind the brown door|with both hands|from time to time|"
    "near the power plant|all summer|in the smoke"
)
_LEADS = _options(
    "Maybe|Of course|I believe|To be fair|As far as I know|Yesterday|Well|You see|Both of us know that|"
    "Surprisingly|Believe me|In fact|They say|Somehow|If possible|Obviously|Please remember that|Ask them why"
)
_WHOLE = _options(
    "How much would that be, and when could you bring it?|Oh, thank you very much, that's wonderful!|"
    "What are you waiting for? Move the boat before it rains.|No problem, we'll meet you outside the museum.|"
    "Everything above the fourth floor must be empty by Thursday.|"
    "I know, I know, but who would choose the purple one?|Could you repeat that? The line is awful.|"
    "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve.|"
    "Wow, you always do amazing work, don't you?|"
    "The rough-coated, dough-faced boy thought through the problem."
)


def english(rng: Random) -> str:
    """One or two English sentences, about five to nine seconds when spoken."""
    if rng.random() < 0.12:
        whole, lead = rng.choice(_WHOLE), rng.choice(_LEADS)
        return f"{whole} {lead}, {rng.choice(_PEOPLE)} {rng.choice(_VERBS)} {rng.choice(_THINGS)}."

    def clause() -> str:
        place = f" {rng.choice(_PLACES)}" if rng.random() < 0.6 else ""
        return f"{rng.choice(_PEOPLE)} {rng.choice(_VERBS)} {rng.choice(_THINGS)}{place}"

    lead = f"{rng.choice(_LEADS)}, " if rng.random() < 0.5 else ""
    joint = rng.choice([", and ", ", but ", "; ", " because ", ". ", " while ", "... "])
    text = f"{lead}{clause()}{joint}{clause()}{rng.choice('...?!')}"
    return text[0].upper() + text[1:]


def dictionary_words(rng: Random, lexicon: list[str]) -> str:
    """Phonemes of a random string of dictionary words."""
    words = [rng.choice(lexicon) + ("," if rng.random() < 0.12 else "") for _ in range(rng.randint(8, 13))]
    return " ".join(words).rstrip(",") + "."


@dataclass(frozen=True, slots=True)
class _Sounds:
    """Syllables of one language: space-separated alternatives, listed more than once where common; `-` is none."""

    onsets: str
    vowels: str
    codas: str
    tones: str = ""
    stress: str = "\N{MODIFIER LETTER VERTICAL LINE}"
    words: tuple[int, int] = (1, 4)


_LANGUAGES = {
    "es": _Sounds(
        onsets="p b m β f t d ð n l s s k ɡ ɣ x r ɾ ʧ ʝ pɾ bɾ tɾ kl pl fɾ w j - - m p l n",
        vowels="a e o i u a e o ja we je",
        codas="- - - - n s l ɾ",
    ),
    "fr": _Sounds(
        onsets="p b m f v t d n l s z k ɡ ʁ ʃ ʒ ɲ j w ɥ pʁ bʁ fl pl tʁ - m v p",
        vowels="a e ɛ i o ɔ u y ø œ ə ɑ̃ ɔ̃ ɛ̃ wa",
        codas="- - - - ʁ l t k s m ʒ",
    ),
    "it": _Sounds(
        onsets="p b m f v t d n l s z k ɡ r ʧ ʤ ʃ ʎ ɲ ʦ pr br fr tr st sp kw - p m v",
        vowels="a e ɛ i o ɔ u a o e ja wɔ",
        codas="- - - - - n l r s pː tː lː mː",
    ),
    "pt": _Sounds(
        onsets="p b m f v t d n l s z k ɡ x ɾ ʃ ʒ ʎ ɲ ʧ ʤ pɾ bɾ fɾ - v m p",
        vowels="a ɐ e ɛ i o ɔ u ɐ̃ ʊ ɪ ɐ̃ʊ̃ eɪ oʊ õ",
        codas="- - - - s ɾ ʊ",
    ),
    "hi": _Sounds(
        onsets="p b m pʰ bʰ f ʋ t d ʈ ɖ n l s k ɡ kʰ ɡʰ ʧ ʤ ʃ h ɾ ɽ j m b p",
        vowels="aː ə ɪ iː ʊ uː eː oː ɛː ɔː ə̃ aː ə",
        codas="- - - n m ɾ l k t s p",
    ),
    "ja": _Sounds(
        onsets="k s t n h m j ɾ w ɡ ʣ d b p ɕ ʨ ʥ ɸ kj ɾj mj bj - - m b",
        vowels="a i ɯ e o a o i eː oː ɯː",
        codas="- - - - - - ɴ ʔ",
        words=(2, 4),
        stress="",
    ),
    "zh": _Sounds(
        onsets="p pʰ m f t tʰ n l k kʰ x ʨ ʨʰ ɕ ꭧ ꭧʰ ʂ ɻ ʦ ʦʰ s w j - p m f",
        vowels="a o ɤ i u y ai ei au ou ja je wo wa ɥe",
        codas="- - - n ŋ n",
        tones="→ ↗ ↓ ↘",
        words=(1, 2),
        stress="",
    ),
}


def syllables(language: str, rng: Random) -> str:
    """Phonemes of a made-up utterance of `language` (es, fr, it, pt, hi, ja or zh), about five to eight seconds."""
    sounds = _LANGUAGES[language]
    onsets, vowels, codas, tones = (part.split() for part in (sounds.onsets, sounds.vowels, sounds.codas, sounds.tones))

    def syllable() -> str:
        parts = rng.choice(onsets), rng.choice(vowels), rng.choice(codas)
        return "".join(p for p in parts if p != "-") + (rng.choice(tones) if tones else "")

    words: list[str] = []
    for _ in range(rng.randint(9, 14)):
        count = rng.randint(*sounds.words)
        stressed = max(0, count - rng.randint(1, 2))
        word = "".join((sounds.stress if i == stressed else "") + syllable() for i in range(count))
        words.append(word + ("," if rng.random() < 0.12 else ""))
    return " ".join(words).rstrip(",") + rng.choice("...?!")
