"""Make the viseme head again, from packaged voices only: `python -m training.train`.

Every stage keeps what it made in the work folder and takes it up again, so that a second run with the same seed only
does what is missing: speak the corpus (about as long as the audio for Kokoro on one core), encode it (some minutes),
fit the head (some minutes), measure it on held-out voices and real people, and write `viseme_head.npz` and its model
card. Needs the `training` extra; fetches the voices where they are missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lipwright.models.kokoro_voices import style_name
from lipwright.models.registry import fetch, model_path
from lipwright.speech.head import FILE, shipped_head
from lipwright.speech.recognise import shared_encoder
from training.corpus import synthesise_hibari, synthesise_kokoro
from training.dataset import training_set
from training.evaluate import card, evaluate
from training.fit import fit, save
from training.voices import KOKORO_VOICES, HibariVoice, KokoroVoices

ROOT = Path(__file__).resolve().parent.parent
HEAD = ROOT / "src" / "lipwright" / "speech" / FILE
CARD = ROOT / "docs" / "viseme-head.md"


def main() -> None:
    """Run all stages."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".training", help="where stages keep what they made")
    parser.add_argument("--kokoro-minutes", type=float, default=24.0, help="audio of the 45 Kokoro training voices")
    parser.add_argument("--hibari-minutes", type=float, default=30.0, help="audio of the bulk English voice")
    parser.add_argument(
        "--repeats", type=int, default=3, help="how often the Kokoro audio is used, dirtied anew each time"
    )
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--real", type=Path, nargs="*", default=[ROOT.parent / "shared" / "clips"], help="measured on")
    parser.add_argument("--no-speak", action="store_true", help="use the corpus as far as it was spoken")
    parser.add_argument("--measure-only", action="store_true", help="keep the head, write its card")
    chosen = parser.parse_args()
    corpus: Path = chosen.work / "corpus"
    chosen.work.mkdir(parents=True, exist_ok=True)
    if not chosen.no_speak and not chosen.measure_only:
        speak(chosen.work, corpus, chosen.kokoro_minutes, chosen.hibari_minutes, chosen.seed, chosen.threads)
    if not chosen.measure_only:
        examples = training_set(corpus, shared_encoder(), chosen.seed, chosen.repeats)
        print(f"{len(examples)} streams, {sum(len(e.features) for e in examples) / 50 / 60:.0f} minutes", flush=True)
        save(fit(examples, chosen.steps, chosen.seed, chosen.threads), HEAD)
        shipped_head.cache_clear()
    results = evaluate(corpus, [folder for folder in chosen.real if folder.is_dir()])
    CARD.parent.mkdir(exist_ok=True)
    CARD.write_text(card(results, shipped_head(), _data(corpus, chosen)), encoding="utf-8")
    print(CARD.read_text(encoding="utf-8"))


def speak(work: Path, corpus: Path, kokoro_minutes: float, hibari_minutes: float, seed: int, threads: int) -> None:
    """Synthesise what the corpus still lacks."""
    english = HibariVoice(work, threads)
    synthesise_hibari(corpus, english, hibari_minutes, seed)
    fetch(["kokoro-v1.0.int8.onnx", "kokoro-vocab.json", *(style_name(voice) for voice in KOKORO_VOICES)])
    voices = {voice: model_path(style_name(voice)) for voice in KOKORO_VOICES}
    model, vocabulary = model_path("kokoro-v1.0.int8.onnx"), model_path("kokoro-vocab.json")
    kokoro = KokoroVoices(model, vocabulary, voices, work, threads)
    for name, seconds in synthesise_kokoro(corpus, kokoro, english, kokoro_minutes, seed):
        print(f"\r{seconds / 60:5.1f} of {kokoro_minutes:.0f} min  {name:40}", end="", flush=True)
    print()


def _data(corpus: Path, chosen: argparse.Namespace) -> dict[str, str]:
    """What the head was made from, counted from the corpus itself."""

    def minutes(pattern: str) -> str:
        # Half floats at 16 kHz are nearly all of an utterance's file.
        return f"{sum(path.stat().st_size for path in corpus.glob(pattern)) / 2 / 16_000 / 60:.1f} min"

    spoken = minutes("train-*_*.npz")
    voices = {path.stem.split("-", 2)[2] for path in corpus.glob("train-*.npz")}
    held_out = sorted({path.stem.split("-", 2)[2] for path in corpus.glob("test-*.npz")})
    return {
        "seed": str(chosen.seed),
        "Kokoro-82M int8": f"{spoken}, {len(voices - {'hibari'})} voices, 6 languages, used {chosen.repeats} times",
        "hibari": f"{minutes('train-*hibari.npz')}, 1 voice",
        "held out": f"{minutes('test-*.npz')}: {', '.join(held_out)}",
        "optimisation": f"{chosen.steps} steps of 16 x 3.2 s, AdamW, averaged weights",
    }


if __name__ == "__main__":
    main()
