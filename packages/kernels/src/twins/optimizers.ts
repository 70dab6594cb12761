const { fround: f, sqrt } = Math;

export function optimizers(f32: Float32Array) {
  const gradientAt = (p: number, g: number, decay: number, scale: number): number =>
    f(f(f32[g]! * scale) + f(f32[p]! * decay));

  return {
    sgd(p: number, g: number, n: number, rate: number, decay: number, scale: number): void {
      p >>>= 2;
      g >>>= 2;
      for (let i = 0; i < n; i++) {
        const gradient = gradientAt(p + i, g + i, decay, scale);
        f32[p + i] = f32[p + i]! - f(rate * gradient);
      }
    },

    momentum(
      p: number,
      g: number,
      b: number,
      n: number,
      rate: number,
      keep: number,
      take: number,
      decay: number,
      scale: number,
    ): void {
      p >>>= 2;
      g >>>= 2;
      b >>>= 2;
      for (let i = 0; i < n; i++) {
        const gradient = gradientAt(p + i, g + i, decay, scale);
        const buffer = f(f(keep * f32[b + i]!) + f(take * gradient));
        f32[b + i] = buffer;
        f32[p + i] = f32[p + i]! - f(rate * buffer);
      }
    },

    nesterov(
      p: number,
      g: number,
      b: number,
      n: number,
      rate: number,
      keep: number,
      decay: number,
      scale: number,
    ): void {
      p >>>= 2;
      g >>>= 2;
      b >>>= 2;
      for (let i = 0; i < n; i++) {
        const gradient = gradientAt(p + i, g + i, decay, scale);
        const buffer = f(f(keep * f32[b + i]!) + gradient);
        f32[b + i] = buffer;
        f32[p + i] = f32[p + i]! - f(rate * f(gradient + f(keep * buffer)));
      }
    },

    adam(
      p: number,
      g: number,
      m: number,
      v: number,
      n: number,
      rate: number,
      beta1: number,
      rest1: number,
      beta2: number,
      rest2: number,
      epsilon: number,
      shrink: number,
      decay: number,
      scale: number,
    ): void {
      p >>>= 2;
      g >>>= 2;
      m >>>= 2;
      v >>>= 2;
      for (let i = 0; i < n; i++) {
        const gradient = gradientAt(p + i, g + i, decay, scale);
        const first = f(f(beta1 * f32[m + i]!) + f(rest1 * gradient));
        const second = f(f(beta2 * f32[v + i]!) + f(f(rest2 * gradient) * gradient));
        f32[m + i] = first;
        f32[v + i] = second;
        f32[p + i] = f(f32[p + i]! * shrink) - f(f(rate * first) / f(f(sqrt(second)) + epsilon));
      }
    },

    amsgrad(
      p: number,
      g: number,
      m: number,
      v: number,
      top: number,
      n: number,
      rate: number,
      beta1: number,
      rest1: number,
      beta2: number,
      rest2: number,
      epsilon: number,
      shrink: number,
      decay: number,
      scale: number,
    ): void {
      p >>>= 2;
      g >>>= 2;
      m >>>= 2;
      v >>>= 2;
      top >>>= 2;
      for (let i = 0; i < n; i++) {
        const gradient = gradientAt(p + i, g + i, decay, scale);
        const first = f(f(beta1 * f32[m + i]!) + f(rest1 * gradient));
        const second = f(f(beta2 * f32[v + i]!) + f(f(rest2 * gradient) * gradient));
        const largest = Math.max(f32[top + i]!, second);
        f32[m + i] = first;
        f32[v + i] = second;
        f32[top + i] = largest;
        f32[p + i] = f(f32[p + i]! * shrink) - f(f(rate * first) / f(f(sqrt(largest)) + epsilon));
      }
    },
  };
}
