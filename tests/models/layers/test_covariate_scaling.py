import numpy as np
import pytest

from models.layers.covariate_scaling import CovariateScaling

COVARIATES = np.array([[[14.0, 0.5], [np.nan, 99.0]]], "float32")


def test_covariates_are_standardised_and_missing_ones_are_usual(check_layer):
    layer = CovariateScaling(means=[10.0, 0.0], scales=[2.0, 1.0])

    scaled = check_layer(layer, COVARIATES)

    np.testing.assert_allclose(scaled, [[[2.0, 0.5], [0.0, 5.0]]])


def test_layers_of_one_shape_differ_in_weights_alone():
    layer = CovariateScaling(means=[10.0, 0.0], scales=[2.0, 1.0])
    other = CovariateScaling(means=[0.0, 0.0], scales=[1.0, 1.0])
    expected = np.asarray(layer(COVARIATES))
    assert (np.asarray(other(COVARIATES)) != expected).any()

    other.set_weights(layer.get_weights())

    np.testing.assert_array_equal(np.asarray(other(COVARIATES)), expected)
    assert layer.trainable_weights == []


def test_every_covariate_has_a_positive_scale():
    with pytest.raises(ValueError, match="positive scale per mean"):
        CovariateScaling(means=[0.0], scales=[0.0])
