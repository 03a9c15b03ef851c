from train import train


def test_takes_pictures_of_160():
    shape = train().graph.input[0].type.tensor_type.shape
    assert [side.dim_value for side in shape.dim] == [1, 3, 160, 160]
