/** Words of generated container names. */
export const ADJECTIVES: readonly string[] = `
agile amber ample ardent autumn balmy bold brave breezy bright brisk calm candid careful
cheery civil clear clever cosy crisp curious dapper daring deft eager early earnest easy
even fair fearless fine fluent fond frank fresh friendly frosty gentle gifted glad
golden good graceful grand green happy hardy hearty helpful honest humble idle jolly
jovial keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble
patient placid plain playful polite prompt proud quick quiet rapid ready regal robust
rosy serene sharp shiny silent silver simple sincere sleek smart snug sober solid spry
stable steady still stout sturdy sunny swift tactful tender thrifty tidy tranquil trim
trusty upbeat vivid warm wise witty zesty
`
  .trim()
  .split(/\s+/)

export const SURNAMES: readonly string[] = `
abel archimedes avogadro babbage banach bell bernoulli bessel bohr boltzmann boole born
boyle brahe cantor carnot carson cauchy cavendish celsius chandrasekhar cholesky church
clausius copernicus coulomb curie dalton darwin davy descartes dijkstra dirac doppler
edison einstein erdos euclid euler fahrenheit faraday fermat fermi feynman fibonacci
fleming foucault fourier franklin fresnel galilei galois galton gauss germain gibbs
goedel halley hamilton heisenberg helmholtz hermite hertz hilbert hipparchus hodgkin
hooke hopper hubble humboldt huygens hypatia jacobi jenner johnson joule kelvin kepler
khayyam kirchhoff knuth kovalevskaya lagrange lamarr laplace lavoisier leavitt lebesgue
leibniz linnaeus lorentz lovelace mandelbrot maxwell mcclintock meitner mendel mendeleev
minkowski moebius napier nash neumann newton nightingale noether ohm oppenheimer ostrom
pascal pasteur pauli payne perlman planck poincare ptolemy pythagoras ramanujan rayleigh
riemann ritchie roentgen rubin russell rutherford sagan schroedinger shannon sommerfeld
stokes tesla thales torricelli turing vaughan venn volta watt weber wegener wiener wiles
wilson yalow zermelo
`
  .trim()
  .split(/\s+/)
