package main

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/slipway-ml/slipway/services/serving"
)

// toValue hands a tensor to ONNX Runtime without copying its numbers.
func toValue(t serving.Tensor) (ort.Value, error) {
	switch data := t.Data.(type) {
	case []float32:
		return numbers(t.Shape, data)
	case []float64:
		return numbers(t.Shape, data)
	case []bool:
		return numbers(t.Shape, data)
	case []int8:
		return numbers(t.Shape, data)
	case []int16:
		return numbers(t.Shape, data)
	case []int32:
		return numbers(t.Shape, data)
	case []int64:
		return numbers(t.Shape, data)
	case []uint8:
		return numbers(t.Shape, data)
	case []uint16:
		return numbers(t.Shape, data)
	case []uint32:
		return numbers(t.Shape, data)
	case []uint64:
		return numbers(t.Shape, data)
	case []string:
		v, err := ort.NewStringTensor(t.Shape)
		if err != nil {
			return nil, err
		}
		return v, v.SetContents(data)
	}
	return nil, fmt.Errorf("type %s is not carried", t.Type)
}

func numbers[T ort.TensorData](shape []int64, data []T) (ort.Value, error) {
	if len(shape) == 0 {
		return ort.NewScalar(data[0])
	}
	return ort.NewTensor(shape, data)
}

// newScalar makes room for an output without dimensions.
func newScalar(t serving.Type) (ort.Value, error) {
	switch t {
	case serving.FP32:
		return ort.NewEmptyScalar[float32]()
	case serving.FP64:
		return ort.NewEmptyScalar[float64]()
	case serving.Bool:
		return ort.NewEmptyScalar[bool]()
	case serving.Int32:
		return ort.NewEmptyScalar[int32]()
	case serving.Int64:
		return ort.NewEmptyScalar[int64]()
	default:
		return nil, fmt.Errorf("a single %s without dimensions is not carried", t)
	}
}

// fromValue takes an output over. The binding has copied its numbers already.
func fromValue(name string, v ort.Value) (serving.Tensor, error) {
	t := serving.Tensor{Name: name, Shape: v.GetShape()}
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.Type, t.Data = serving.FP32, v.GetData()
	case *ort.Tensor[float64]:
		t.Type, t.Data = serving.FP64, v.GetData()
	case *ort.Tensor[bool]:
		t.Type, t.Data = serving.Bool, v.GetData()
	case *ort.Tensor[int8]:
		t.Type, t.Data = serving.Int8, v.GetData()
	case *ort.Tensor[int16]:
		t.Type, t.Data = serving.Int16, v.GetData()
	case *ort.Tensor[int32]:
		t.Type, t.Data = serving.Int32, v.GetData()
	case *ort.Tensor[int64]:
		t.Type, t.Data = serving.Int64, v.GetData()
	case *ort.Tensor[uint8]:
		t.Type, t.Data = serving.Uint8, v.GetData()
	case *ort.Tensor[uint16]:
		t.Type, t.Data = serving.Uint16, v.GetData()
	case *ort.Tensor[uint32]:
		t.Type, t.Data = serving.Uint32, v.GetData()
	case *ort.Tensor[uint64]:
		t.Type, t.Data = serving.Uint64, v.GetData()
	case *ort.Scalar[float32]:
		t.Type, t.Data = serving.FP32, []float32{v.GetData()}
	case *ort.Scalar[float64]:
		t.Type, t.Data = serving.FP64, []float64{v.GetData()}
	case *ort.Scalar[bool]:
		t.Type, t.Data = serving.Bool, []bool{v.GetData()}
	case *ort.Scalar[int32]:
		t.Type, t.Data = serving.Int32, []int32{v.GetData()}
	case *ort.Scalar[int64]:
		t.Type, t.Data = serving.Int64, []int64{v.GetData()}
	case *ort.StringTensor:
		texts, err := v.GetContents()
		t.Type, t.Data = serving.Bytes, texts
		return t, err
	default:
		return t, fmt.Errorf("a value of type %T is not carried", v)
	}
	return t, nil
}
