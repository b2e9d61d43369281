;; Source of loop.wasm: a linear congruential generator, stepped as often as the parameter says.
(module
  (func (export "run") (param $rounds i32) (result i32)
    (local $value i32)
    loop $again
      local.get $value
      i32.const 1664525
      i32.mul
      i32.const 1013904223
      i32.add
      local.set $value
      local.get $rounds
      i32.const 1
      i32.sub
      local.tee $rounds
      br_if $again
    end
    local.get $value))
