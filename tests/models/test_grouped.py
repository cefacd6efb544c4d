"""Grouped layers are the layers themselves, one by one: their values, and every gradient that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import light, seeds
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn.functional import linear

from poseaug_gen.models.augmentor import Generator, Generators
from poseaug_gen.models.grouped import grouped_linear

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}  # of sums of up to 12 products of numbers about 1
# Rounding to bfloat16 changes a number by 2^-9 of it at most. Both factors of every product are rounded, and the sum:
# three such shares of the sum of what is added up, which the fourth leaves room for single precision's own.
ROUNDED = 4 * 2**-9


@dataclass
class Case:
    """Layers of one height, each with its own number of inputs, and what goes into them and comes back."""

    layers: list[nn.Linear]
    x: Tensor  # (groups, batch, inputs)
    gradient: Tensor  # of the output

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [layer.weight for layer in self.layers] + [layer.bias for layer in self.layers]


def case(widths: list[int], outputs: int, batch: int, seed: int, dtype: torch.dtype, spare: int = 0) -> Case:
    """Random numbers; the input is ``spare`` wider than the widest layer, and lies in memory as the critics' does."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    layers = [nn.Linear(width, outputs, dtype=dtype) for width in widths]
    for layer in layers:
        layer.weight = nn.Parameter(normal(outputs, layer.in_features))
        layer.bias = nn.Parameter(normal(outputs))
    x = normal(batch, len(widths), max(widths) + spare).transpose(0, 1)
    return Case(layers, x.requires_grad_(), normal(len(widths), batch, outputs))


@st.composite
def cases(draw: st.DrawFn, dtype: torch.dtype) -> Case:
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    batch, outputs, spare = draw(st.integers(1, 9)), draw(st.integers(1, 7)), draw(st.integers(0, 2))
    return case(widths, outputs, batch, draw(seeds), dtype, spare)


def one_by_one(layers: list[nn.Linear], x: Tensor) -> Tensor:
    """What torch's own layers say."""
    return torch.stack(
        [linear(own[:, : layer.in_features], layer.weight, layer.bias) for layer, own in zip(layers, x, strict=True)]
    )


def assert_same(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


# --- values and gradients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@light
@given(st.data())
def test_values_and_all_gradients_are_those_of_the_layers_one_by_one(dtype, data):
    this = data.draw(cases(dtype))
    ours, theirs = grouped_linear(this.layers, this.x), one_by_one(this.layers, this.x)
    assert_same([ours], [theirs], TOLERANCE[dtype])
    wanted = [this.x, *this.parameters]
    assert_same(
        torch.autograd.grad(ours, wanted, this.gradient),
        torch.autograd.grad(theirs, wanted, this.gradient),
        TOLERANCE[dtype],
    )


def test_the_gradient_is_the_finite_difference():
    this = case([3, 1, 4], 2, 3, 0, torch.float64)

    def grouped(x: Tensor, *parameters: Tensor) -> Tensor:
        for layer, weight, bias in zip(this.layers, parameters[:3], parameters[3:], strict=True):
            del layer.weight, layer.bias
            layer.weight, layer.bias = weight, bias
        return grouped_linear(this.layers, x)

    leaves = [parameter.detach().clone().requires_grad_() for parameter in this.parameters]
    assert gradcheck(grouped, (this.x, *leaves))


@light
@given(st.data())
def test_what_follows_a_narrow_layers_inputs_is_neither_read_nor_moved(data):
    this = data.draw(cases(torch.float32))
    other = this.x.detach().clone()
    for row, layer in zip(other, this.layers, strict=True):
        row[:, layer.in_features :] = 1e6
    said = grouped_linear(this.layers, this.x)
    assert torch.equal(grouped_linear(this.layers, other), said)
    said.backward(this.gradient)
    for row, layer in zip(this.x.grad, this.layers, strict=True):
        assert (row[:, layer.in_features :] == 0).all()


@light
@given(st.data())
def test_what_is_frozen_gets_no_gradient_and_the_rest_gets_its_own(data):
    """As the critics of a generator's step are, or an input that nothing made."""
    this = data.draw(cases(torch.float64))
    everything = [this.x, *this.parameters]
    truth = torch.autograd.grad(one_by_one(this.layers, this.x), everything, this.gradient)
    learns = data.draw(st.lists(st.booleans(), min_size=len(everything), max_size=len(everything)).filter(any))
    for one, wanted in zip(everything, learns, strict=True):
        one.requires_grad_(wanted)
    grouped_linear(this.layers, this.x).backward(this.gradient)
    for one, wanted, gradient in zip(everything, learns, truth, strict=True):
        assert (one.grad is not None) == wanted
        if wanted:
            assert_same([one.grad], [gradient], TOLERANCE[torch.float64])


def test_where_all_is_frozen_there_is_no_graph():
    this = case([3, 5], 4, 6, 0, torch.float32)
    for one in (this.x, *this.parameters):
        one.requires_grad_(False)
    assert not grouped_linear(this.layers, this.x).requires_grad


def test_one_layer_in_two_groups_has_the_gradients_of_both():
    this = case([5, 5], 4, 6, 0, torch.float64)
    twice = [this.layers[0]] * 2
    wanted = [this.layers[0].weight, this.layers[0].bias]
    ours = torch.autograd.grad(grouped_linear(twice, this.x), wanted, this.gradient)
    assert_same(ours, torch.autograd.grad(one_by_one(twice, this.x), wanted, this.gradient), 1e-12)


def test_a_second_derivative_is_refused_rather_than_wrong():
    """A gradient penalty would need one; its backward is written by hand and has none."""
    this = case([3, 5], 4, 6, 0, torch.float32)
    (first,) = torch.autograd.grad(
        grouped_linear(this.layers, this.x).square().sum(), this.x, create_graph=True, retain_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.square().sum().backward()


# --- under autocast -------------------------------------------------------------------------------------------


def assert_rounded(ours: Tensor, exact: Tensor, terms: Tensor) -> None:
    """Within bfloat16 of the exact value; ``terms`` is the sum of the absolute values of what was added up."""
    assert ((ours.double() - exact).abs() <= ROUNDED * terms).all()


@light
@given(cases(torch.float32))
def test_under_autocast_products_are_bfloat16s_and_weights_have_gradients_of_their_own_type(this):
    with torch.autocast("cpu", torch.bfloat16):
        said = grouped_linear(this.layers, this.x)
    assert said.dtype == torch.bfloat16
    said.backward(this.gradient.bfloat16())

    x, gradient = this.x.detach().double(), this.gradient.bfloat16().double()
    for group, layer in enumerate(this.layers):
        width = layer.in_features
        weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
        own, back = x[group, :, :width], gradient[group]
        assert_rounded(said[group], own @ weight.T + bias, own.abs() @ weight.T.abs() + bias.abs())
        assert_rounded(this.x.grad[group, :, :width], back @ weight, back.abs() @ weight.abs())
        assert_rounded(layer.weight.grad, back.T @ own, back.T.abs() @ own.abs())
        assert_rounded(layer.bias.grad, back.sum(0), back.abs().sum(0))
    assert {one.grad.dtype for one in (this.x, *this.parameters)} == {torch.float32}


# --- whole networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_networks_that_run_layer_by_layer_say_and_learn_what_each_says_and_learns_alone(training):
    torch.manual_seed(0)
    together, alone = (
        Generators({name: Generator(features, out, noise=4, width=8) for name, features, out in SIZES})
        for _ in range(2)
    )
    alone.load_state_dict(together.state_dict())
    inputs = [torch.randn(16, features + 4) for _, features, _ in SIZES]
    ours = together.train(training)(inputs)
    theirs = torch.cat([net(x) for net, x in zip(alone.train(training).values(), inputs, strict=True)], -1)
    assert_same([ours], [theirs], 1e-5)
    for said in (ours, theirs):
        said.square().mean().backward()
    assert_same([p.grad for p in together.parameters()], [p.grad for p in alone.parameters()], 1e-5)
    assert_same(list(together.state_dict().values()), list(alone.state_dict().values()), 1e-5)


SIZES = (("first", 6, 5), ("second", 11, 2), ("third", 6, 3))  # features and outputs of each network
