// Steps over flat arrays, in place. `g * scale + p * decay` is the gradient with clipping and L2 weight decay in it.

export function sgd(p: usize, g: usize, n: i32, rate: f32, decay: f32, scale: f32): void {
  const rates = f32x4.splat(rate);
  const decays = f32x4.splat(decay);
  const scales = f32x4.splat(scale);
  for (; n >= 4; n -= 4) {
    const old = v128.load(p);
    const gradient = f32x4.add(f32x4.mul(v128.load(g), scales), f32x4.mul(old, decays));
    v128.store(p, f32x4.sub(old, f32x4.mul(rates, gradient)));
    p += 16;
    g += 16;
  }
  for (; n > 0; n--) {
    const old = load<f32>(p);
    store<f32>(p, old - rate * (load<f32>(g) * scale + old * decay));
    p += 4;
    g += 4;
  }
}

export function momentum(
  p: usize,
  g: usize,
  b: usize,
  n: i32,
  rate: f32,
  keep: f32,
  take: f32,
  decay: f32,
  scale: f32,
): void {
  const rates = f32x4.splat(rate);
  const keeps = f32x4.splat(keep);
  const takes = f32x4.splat(take);
  const decays = f32x4.splat(decay);
  const scales = f32x4.splat(scale);
  for (; n >= 4; n -= 4) {
    const old = v128.load(p);
    const gradient = f32x4.add(f32x4.mul(v128.load(g), scales), f32x4.mul(old, decays));
    const buffer = f32x4.add(f32x4.mul(keeps, v128.load(b)), f32x4.mul(takes, gradient));
    v128.store(b, buffer);
    v128.store(p, f32x4.sub(old, f32x4.mul(rates, buffer)));
    p += 16;
    g += 16;
    b += 16;
  }
  for (; n > 0; n--) {
    const old = load<f32>(p);
    const gradient = load<f32>(g) * scale + old * decay;
    const buffer = keep * load<f32>(b) + take * gradient;
    store<f32>(b, buffer);
    store<f32>(p, old - rate * buffer);
    p += 4;
    g += 4;
    b += 4;
  }
}

export function nesterov(p: usize, g: usize, b: usize, n: i32, rate: f32, keep: f32, decay: f32, scale: f32): void {
  const rates = f32x4.splat(rate);
  const keeps = f32x4.splat(keep);
  const decays = f32x4.splat(decay);
  const scales = f32x4.splat(scale);
  for (; n >= 4; n -= 4) {
    const old = v128.load(p);
    const gradient = f32x4.add(f32x4.mul(v128.load(g), scales), f32x4.mul(old, decays));
    const buffer = f32x4.add(f32x4.mul(keeps, v128.load(b)), gradient);
    v128.store(b, buffer);
    v128.store(p, f32x4.sub(old, f32x4.mul(rates, f32x4.add(gradient, f32x4.mul(keeps, buffer)))));
    p += 16;
    g += 16;
    b += 16;
  }
  for (; n > 0; n--) {
    const old = load<f32>(p);
    const gradient = load<f32>(g) * scale + old * decay;
    const buffer = keep * load<f32>(b) + gradient;
    store<f32>(b, buffer);
    store<f32>(p, old - rate * (gradient + keep * buffer));
    p += 4;
    g += 4;
    b += 4;
  }
}

/** The corrections for the zero start are in `rate` and `epsilon`; `shrink` is the decoupled weight decay of AdamW. */
export function adam(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  n: i32,
  rate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
  scale: f32,
): void {
  const rates = f32x4.splat(rate);
  const betas1 = f32x4.splat(beta1);
  const rests1 = f32x4.splat(rest1);
  const betas2 = f32x4.splat(beta2);
  const rests2 = f32x4.splat(rest2);
  const epsilons = f32x4.splat(epsilon);
  const shrinks = f32x4.splat(shrink);
  const decays = f32x4.splat(decay);
  const scales = f32x4.splat(scale);
  for (; n >= 4; n -= 4) {
    const old = v128.load(p);
    const gradient = f32x4.add(f32x4.mul(v128.load(g), scales), f32x4.mul(old, decays));
    const first = f32x4.add(f32x4.mul(betas1, v128.load(m)), f32x4.mul(rests1, gradient));
    const second = f32x4.add(f32x4.mul(betas2, v128.load(v)), f32x4.mul(f32x4.mul(rests2, gradient), gradient));
    v128.store(m, first);
    v128.store(v, second);
    const step = f32x4.div(f32x4.mul(rates, first), f32x4.add(f32x4.sqrt(second), epsilons));
    v128.store(p, f32x4.sub(f32x4.mul(old, shrinks), step));
    p += 16;
    g += 16;
    m += 16;
    v += 16;
  }
  for (; n > 0; n--) {
    const old = load<f32>(p);
    const gradient = load<f32>(g) * scale + old * decay;
    const first = beta1 * load<f32>(m) + rest1 * gradient;
    const second = beta2 * load<f32>(v) + rest2 * gradient * gradient;
    store<f32>(m, first);
    store<f32>(v, second);
    store<f32>(p, old * shrink - (rate * first) / (sqrt<f32>(second) + epsilon));
    p += 4;
    g += 4;
    m += 4;
    v += 4;
  }
}

/** As adam, with the largest second moment so far, `top`, in the place of the second moment. */
export function amsgrad(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  top: usize,
  n: i32,
  rate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
  scale: f32,
): void {
  const rates = f32x4.splat(rate);
  const betas1 = f32x4.splat(beta1);
  const rests1 = f32x4.splat(rest1);
  const betas2 = f32x4.splat(beta2);
  const rests2 = f32x4.splat(rest2);
  const epsilons = f32x4.splat(epsilon);
  const shrinks = f32x4.splat(shrink);
  const decays = f32x4.splat(decay);
  const scales = f32x4.splat(scale);
  for (; n >= 4; n -= 4) {
    const old = v128.load(p);
    const gradient = f32x4.add(f32x4.mul(v128.load(g), scales), f32x4.mul(old, decays));
    const first = f32x4.add(f32x4.mul(betas1, v128.load(m)), f32x4.mul(rests1, gradient));
    const second = f32x4.add(f32x4.mul(betas2, v128.load(v)), f32x4.mul(f32x4.mul(rests2, gradient), gradient));
    const largest = f32x4.max(v128.load(top), second);
    v128.store(m, first);
    v128.store(v, second);
    v128.store(top, largest);
    const step = f32x4.div(f32x4.mul(rates, first), f32x4.add(f32x4.sqrt(largest), epsilons));
    v128.store(p, f32x4.sub(f32x4.mul(old, shrinks), step));
    p += 16;
    g += 16;
    m += 16;
    v += 16;
    top += 16;
  }
  for (; n > 0; n--) {
    const old = load<f32>(p);
    const gradient = load<f32>(g) * scale + old * decay;
    const first = beta1 * load<f32>(m) + rest1 * gradient;
    const second = beta2 * load<f32>(v) + rest2 * gradient * gradient;
    const largest = max<f32>(load<f32>(top), second);
    store<f32>(m, first);
    store<f32>(v, second);
    store<f32>(top, largest);
    store<f32>(p, old * shrink - (rate * first) / (sqrt<f32>(largest) + epsilon));
    p += 4;
    g += 4;
    m += 4;
    v += 4;
    top += 4;
  }
}
