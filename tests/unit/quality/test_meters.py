"""Each meter against inputs whose true figure is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from tests.unit.quality.faces import head, placed, turned

from lipwright.quality.meters.closure import bilabial_instants, closures, mouth_range
from lipwright.quality.meters.equality import differing_outside
from lipwright.quality.meters.jitter import activity, jitter_sums, tremble
from lipwright.quality.meters.lips import LIP_POINTS, head_reference, normalise, opening
from lipwright.quality.meters.seam import boundary_jump, edge_step
from lipwright.quality.meters.sharpness import gradient_strength, sharpness_sums
from lipwright.quality.meters.silence import quiet_frames, silence_sums
from lipwright.quality.meters.sync import no_sums, sync_readings, sync_sums
from lipwright.quality.report import Unmeasured

F64 = NDArray[np.float64]


def speech_curve(seconds: float, seed: int = 5) -> F64:
    """A smooth random 100 Hz curve with the bandwidth of syllables."""
    curve = gaussian_filter1d(np.random.default_rng(seed).normal(size=round(seconds * 100)), 6.0)
    return np.asarray((curve - curve.min()) / np.ptp(curve), dtype=np.float64)


def at(curve: F64, times: F64) -> F64:
    return np.interp(times * 100 - 0.5, np.arange(len(curve)), curve)


class TestLips:
    def test_opening_is_the_gap_in_eye_distances_however_the_head_is_held(self) -> None:
        gaps = np.array([0.0, 0.05, 0.1, 0.3])
        poses = [turned(0.5, -0.2, 0.4), turned(-0.6, 0.3, 0.0), np.eye(3), turned(0.1, 0.1, -1.0)]
        frames = np.stack(
            [
                placed(head(g), r, s, (x, 80))
                for g, r, s, x in zip(gaps, poses, (40, 90, 200, 61), (9, 50, 400, 1), strict=True)
            ]
        )
        reference = head_reference(frames, np.stack(poses).astype(np.float32))
        lips = normalise(frames, reference)
        assert lips.shape == (4, LIP_POINTS, 2)
        assert opening(lips) == pytest.approx(gaps, abs=2e-3)


class TestSync:
    @pytest.mark.parametrize("late", [-120.0, -33.0, -4.0, 0.0, 17.0, 40.0, 215.0])
    @pytest.mark.parametrize("fps", [23.976, 25.0, 60.0])
    def test_the_offset_is_found_finer_than_a_frame(self, late: float, fps: float) -> None:
        curve = speech_curve(8)
        times = np.arange(0.5, 7.5, 1 / fps)
        readings = sync_readings(sync_sums(times, at(curve, times - late / 1000), curve, 0.0, 8.0))
        assert readings["av_offset_ms"] == pytest.approx(late, abs=1.5)
        assert readings["av_correlation"] == pytest.approx(1.0, abs=0.01)

    def test_variable_frame_rate_and_missing_frames_do_not_shift_it(self) -> None:
        curve, rng = speech_curve(8), np.random.default_rng(1)
        times = np.sort(rng.uniform(0.5, 7.5, 150))
        openings = at(curve, times - 0.05)
        openings[40:60] = np.nan
        readings = sync_readings(sync_sums(times, openings, curve, 0.0, 8.0))
        assert readings["av_offset_ms"] == pytest.approx(50.0, abs=2.0)

    def test_only_the_heard_part_counts_and_outside_it_is_silent(self) -> None:
        curve = speech_curve(8)
        times = np.arange(0.0, 8.0, 0.04)
        heard = (times >= 2.0) & (times < 5.0)
        readings = sync_readings(sync_sums(times, np.where(heard, at(curve, times), 0.0), curve, 2.0, 5.0))
        assert readings["av_correlation_at_zero"] > 0.98

    def test_lips_of_other_speech_have_no_offset(self) -> None:
        times = np.arange(0.5, 7.5, 0.04)
        readings = sync_readings(sync_sums(times, at(speech_curve(8, 6), times), speech_curve(8), 0.0, 8.0))
        assert isinstance(readings["av_offset_ms"], Unmeasured)
        assert readings["av_correlation"] < readings["av_correlation_shuffled"]

    def test_an_offset_beyond_the_search_is_not_guessed(self) -> None:
        curve = speech_curve(12)
        times = np.arange(2.0, 10.0, 0.04)
        readings = sync_readings(sync_sums(times, at(curve, times - 0.62), curve, 0.0, 12.0))
        assert isinstance(readings["av_offset_ms"], Unmeasured)

    def test_still_lips_and_too_few_frames_are_not_measured(self) -> None:
        curve, times = speech_curve(8), np.arange(0.5, 7.5, 0.04)
        for sums in (
            no_sums(),
            sync_sums(times, np.full(len(times), 0.2), curve, 0, 8),
            sync_sums(times[:5], times[:5], curve, 0, 8),
        ):
            assert all(isinstance(r, Unmeasured) for r in sync_readings(sums).values())

    def test_speech_that_repeats_itself_fits_at_several_offsets(self) -> None:
        curve = np.tile(speech_curve(0.4), 10)
        times = np.arange(0.6, 3.4, 0.04)
        noisy = at(curve, times) + np.random.default_rng(2).normal(0, 0.1, len(times))
        readings = sync_readings(sync_sums(times, noisy, curve, 0.0, 4.0))
        assert isinstance(readings["av_offset_ms"], Unmeasured)

    def test_sums_of_two_segments_add_up(self) -> None:
        one, two = speech_curve(8, 1), speech_curve(8, 2)
        times = np.arange(0.5, 7.5, 0.04)
        both = sync_sums(times, at(one, times - 0.03), one, 0, 8) + sync_sums(
            times, at(two, times - 0.03), two, 0, 8, seed=1
        )
        assert sync_readings(both)["av_offset_ms"] == pytest.approx(30.0, abs=1.5)


class TestClosure:
    def test_counts_the_closed_ones_and_leaves_out_what_was_not_seen(self) -> None:
        times = np.arange(0.0, 4.0, 0.04)
        openings = np.full(len(times), 0.6)
        openings[(times > 0.98) & (times < 1.06)] = 0.05
        openings[(times > 1.98) & (times < 2.06)] = 0.4
        openings[(times > 2.9) & (times < 3.2)] = np.nan
        instants = np.array([[1.0, 1.06], [2.0, 2.06], [3.0, 3.06], [7.0, 7.1]])
        found = closures(times, openings, instants)
        assert (found.seen, found.closed) == (2, 1)
        assert found.readings() == {"bilabial_closure": 0.5, "bilabials": 2}
        assert isinstance((found + found).readings()["bilabial_closure"], float)

    def test_none_seen_is_not_measured(self) -> None:
        assert isinstance(
            closures(np.zeros(0), np.zeros(0), np.zeros((0, 2))).readings()["bilabial_closure"], Unmeasured
        )

    def test_range_is_the_source_closed_and_the_output_open(self) -> None:
        source, output = np.linspace(0.01, 0.1, 101), np.linspace(0.0, 0.2, 101)
        mouth = mouth_range(source, np.append(output, np.nan))
        assert mouth.closed == pytest.approx(0.0145)
        assert mouth.open == pytest.approx(0.19)
        assert mouth.relative(np.array([mouth.closed, mouth.open])) == pytest.approx([0, 1])

    def test_a_source_that_never_closes_does_not_excuse_open_lips(self) -> None:
        mouth = mouth_range(np.full(50, 0.12), np.linspace(0.12, 0.3, 50))
        assert mouth.relative(np.array([0.12]))[0] > 0.25

    def test_instants_are_the_runs(self) -> None:
        flags = np.array([True, True, False, True, False, False, True])
        assert bilabial_instants(flags, 100).tolist() == [[0.0, 0.02], [0.03, 0.04], [0.06, 0.07]]
        assert bilabial_instants(np.zeros(3, dtype=np.bool_), 100).shape == (0, 2)


class TestSilence:
    def test_only_the_middle_of_long_pauses_and_what_lies_outside_is_quiet(self) -> None:
        silent = np.zeros(400, dtype=np.bool_)
        silent[100:200] = True
        silent[300:320] = True  # too short
        times = np.arange(-1.0, 6.0, 0.04)
        quiet = times[quiet_frames(times, silent, 100, 0.0, 4.0)]
        expected = [t for t in times if -0.88 <= t < -0.12 or 1.12 <= t < 1.88 or 4.12 <= t < 5.85]
        assert quiet == pytest.approx(expected)

    def test_a_mouth_that_comes_from_the_source_is_given_time_to_settle_where_nothing_is_said(self) -> None:
        times = np.arange(0.0, 1.0, 0.04)
        nothing_said = np.zeros(0, dtype=np.bool_)
        quiet = quiet_frames(times, nothing_said, 100, 0.0, 0.0)
        assert times[quiet].tolist() == pytest.approx([t for t in times if 0.12 <= t < 0.85])
        assert not quiet_frames(times[:6], nothing_said, 100, 0.0, 0.0).any()

    def test_leak_and_motion_are_shares(self) -> None:
        times = np.arange(0.0, 8.0, 0.04)
        quiet = times >= 4.0
        openings = np.where(quiet, 0.1 + 0.01 * (np.arange(len(times)) % 2), 0.5 + 0.1 * (np.arange(len(times)) % 2))
        readings = silence_sums(times, openings, quiet).readings()
        assert readings["silence_opening"] == pytest.approx(10.5)
        assert readings["silence_motion"] == pytest.approx(10.0)

    def test_lips_pressed_further_than_closed_do_not_make_up_for_open_ones(self) -> None:
        times = np.arange(0.0, 2.0, 0.04)
        openings = np.where(np.arange(len(times)) % 2, 0.2, -0.2)
        assert silence_sums(times, openings, np.ones(len(times), dtype=np.bool_)).readings()[
            "silence_opening"
        ] == pytest.approx(10)

    def test_speech_without_pause_is_not_measured(self) -> None:
        times = np.arange(0.0, 2.0, 0.04)
        readings = silence_sums(times, times, np.zeros(len(times), dtype=np.bool_)).readings()
        assert all(isinstance(r, Unmeasured) for r in readings.values())


def moving_lips(n: int, noise: float, speech: float, seed: int) -> tuple[F64, F64]:
    """(tremble, activity) of lips that open and close `speech` far at 2 Hz, with point noise; 25 fps."""
    rng = np.random.default_rng(seed)
    times = np.arange(n) / 25
    swing = speech * (1 - np.cos(2 * np.pi * 2.0 * times)) / 2
    lips = np.stack([head(g)[np.array(range(LIP_POINTS))][:, :2] for g in np.zeros(n)])
    lips[:, LIP_POINTS // 2 :, 1] += swing[:, None]
    lips = lips + rng.normal(0, noise, lips.shape)
    return tremble(lips.astype(np.float32))[0], activity(swing, times)


class TestJitter:
    @pytest.mark.parametrize("times_noise", [1.0, 1.5, 3.0])
    def test_the_ratio_is_that_of_the_noise(self, times_noise: float) -> None:
        ratio = jitter_sums(moving_lips(300, 0.002 * times_noise, 0.0, 1), moving_lips(300, 0.002, 0.0, 2)).reading(
            "activity"
        )
        assert ratio == pytest.approx(times_noise, rel=0.1)

    def test_speech_alone_is_no_jitter(self) -> None:
        """A talking output over a silent source: compared where both rest, so the movement does not count."""
        rest, talk = moving_lips(100, 0.002, 0.0, 1), moving_lips(200, 0.002, 0.15, 2)
        output = (np.concatenate([rest[0], talk[0]]), np.concatenate([rest[1], talk[1]]))
        assert jitter_sums(output, moving_lips(300, 0.002, 0.0, 3)).reading("activity") == pytest.approx(1.0, rel=0.15)

    def test_smooth_motion_has_no_tremble_and_alternation_is_all_tremble(self) -> None:
        t = np.arange(40.0)
        smooth = np.repeat((0.001 * t**2 + 0.01 * t)[:, None, None], 2, axis=2) * np.ones((1, LIP_POINTS, 1))
        assert np.nanmax(tremble(smooth.astype(np.float32))[0]) < 1e-5
        shaking = np.zeros((40, LIP_POINTS, 2), dtype=np.float32)
        shaking[::2, :, 0] = 0.01
        assert np.nanmin(tremble(shaking)[0]) > 0.003

    def test_nothing_alike_is_not_measured(self) -> None:
        few = jitter_sums(moving_lips(5, 0.002, 0.0, 1), moving_lips(300, 0.002, 0.0, 2)).reading("activity")
        assert few == Unmeasured("output and source have no frames of like activity to compare")


def textured(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (240, 320)).astype(np.uint8)


class TestSharpness:
    def test_blur_lowers_and_contrast_raises_the_ratio(self) -> None:
        import cv2

        face = placed(head(0.05), np.eye(3))
        sharp = textured()
        plain = gradient_strength(sharp, face)
        assert gradient_strength(cv2.GaussianBlur(sharp, (0, 0), 1.0), face) < 0.6 * plain
        opened = np.full(20, 0.06)
        ratio = sharpness_sums((np.full(20, 0.8 * plain), opened), (np.full(20, plain), opened)).reading("opening")
        assert ratio == pytest.approx(0.8)

    def test_only_the_mouth_counts(self) -> None:
        face = placed(head(0.05), np.eye(3))
        flat = np.full((240, 320), 90, dtype=np.uint8)
        away = flat.copy()
        away[:60] = textured()[:60]
        assert gradient_strength(away, face) == gradient_strength(flat, face) == 0.0

    def test_open_mouths_are_not_held_against_a_closed_source(self) -> None:
        closed, wide = np.full(20, 0.01), np.full(20, 0.3)
        output = (np.concatenate([np.full(20, 5.0), np.full(20, 15.0)]), np.concatenate([closed, wide]))
        assert sharpness_sums(output, (np.full(20, 5.0), closed)).reading("opening") == pytest.approx(1.0)
        apart = sharpness_sums((np.full(20, 5.0), wide), (np.full(20, 5.0), closed))
        assert isinstance(apart.reading("opening"), Unmeasured)

    def test_the_whole_lies_between_its_parts(self) -> None:
        """A sharp source at closed lips and a soft one at open lips: pooled, each would be held against the other."""
        closed, wide = np.full(20, 0.01), np.full(20, 0.06)
        first = sharpness_sums(
            (np.r_[np.full(20, 6.0), np.full(5, 6.0)], np.r_[closed, wide[:5]]),
            (np.r_[np.full(20, 10.0), np.full(5, 10.0)], np.r_[closed, wide[:5]]),
        )
        second = sharpness_sums(
            (np.r_[np.full(5, 1.8), np.full(20, 1.8)], np.r_[closed[:5], wide]),
            (np.r_[np.full(5, 2.0), np.full(20, 2.0)], np.r_[closed[:5], wide]),
        )
        assert first.reading("opening") == pytest.approx(0.6)
        assert second.reading("opening") == pytest.approx(0.9)
        assert (first + second).reading("opening") == pytest.approx((0.6 * 0.9) ** 0.5)

    def test_a_mouth_outside_the_frame_is_not_read(self) -> None:
        assert np.isnan(gradient_strength(textured(), placed(head(), np.eye(3), centre=(900.0, 900.0))))


def disc(feather: float) -> NDArray[np.float32]:
    y, x = np.mgrid[:120, :160]
    distance = np.hypot(x - 80, y - 60)
    return np.clip((40 + feather / 2 - distance) / feather, 0, 1).astype(np.float32)


class TestSeam:
    def planes(self, level: float, alpha: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
        luma = np.full((120, 160), 100.0)
        chroma = np.full((60, 80), 128.0)
        return [np.round(luma + level * alpha).astype(np.uint8), *[np.round(chroma).astype(np.uint8)] * 2]

    def test_a_hard_edge_shows_whole_and_a_feather_hides_it(self) -> None:
        before = self.planes(0, disc(1.0))
        hard = edge_step(before, self.planes(20, disc(1.0)), disc(1.0), ring=3)
        soft = edge_step(before, self.planes(20, disc(30.0)), disc(30.0), ring=3)
        assert hard == pytest.approx(20, abs=2)
        assert soft < 0.2 * hard

    def test_nothing_added_is_no_step_even_over_an_edge_of_the_source(self) -> None:
        before = self.planes(0, disc(1.0))
        before[0][:, 80:] = 200
        assert edge_step(before, before, disc(1.0), ring=3) == 0.0

    def test_opposite_errors_do_not_cancel(self) -> None:
        before, after, alpha = self.planes(0, disc(1.0)), self.planes(0, disc(1.0)), disc(1.0)
        after[0] = after[0].astype(np.int16)
        after[0][:, :80] += np.round(10 * alpha[:, :80]).astype(np.int16)
        after[0][:, 80:] -= np.round(10 * alpha[:, 80:]).astype(np.int16)
        after[0] = after[0].astype(np.uint8)
        assert edge_step(before, after, alpha, ring=3) > 8

    def test_ten_bits_are_told_in_eight(self) -> None:
        before = [p.astype(np.uint16) * 4 for p in self.planes(0, disc(1.0))]
        after = [p.astype(np.uint16) * 4 for p in self.planes(20, disc(1.0))]
        assert edge_step(before, after, disc(1.0), ring=3, scale=0.25) == pytest.approx(20, abs=2)

    @pytest.mark.parametrize("alpha", [np.zeros((120, 160), np.float32), np.ones((120, 160), np.float32)])
    def test_a_mask_without_edge_gives_nothing(self, alpha: NDArray[np.float32]) -> None:
        planes = self.planes(0, disc(1.0))
        assert np.isnan(edge_step(planes, planes, alpha, ring=3))

    def test_jump_is_relative_to_the_larger_of_source_and_usual_change(self) -> None:
        assert boundary_jump([(6.0, 0.0)], [2.0, 2.0, 3.0]) == pytest.approx(3.0)
        assert boundary_jump([(6.0, 6.0)], [2.0]) == pytest.approx(1.0)
        assert np.isnan(boundary_jump([], [1.0]))


class TestEquality:
    def test_every_sample_outside_the_masks_counts_and_none_inside(self) -> None:
        before = [np.zeros((9, 11), np.uint8), np.zeros((5, 6), np.uint8), np.zeros((5, 6), np.uint8)]
        alpha = np.zeros((4, 4), np.float32)
        alpha[1, 1] = 0.01
        mask = ((2, 2, 6, 6), alpha)  # one pixel: luma (3, 3), chroma cell (1, 1)
        after = [p.copy() for p in before]
        after[0][3, 3] = after[1][1, 1] = 9
        assert differing_outside(before, after, [mask]) == 0
        assert differing_outside(before, after, []) == 2
        after[0][3, 4] = after[2][4, 5] = 1
        assert differing_outside(before, after, [mask]) == 2

    def test_another_depth_is_all_different(self) -> None:
        before = [np.zeros((4, 4), np.uint8)] * 3
        assert differing_outside(before, [p.astype(np.uint16) for p in before], []) == 48
