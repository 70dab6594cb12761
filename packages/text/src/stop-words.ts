/**
 * The 318 English stop words of the Glasgow Information Retrieval Group, as scikit-learn has them. Some are words that say
 * something of a customer ("cry", "interest", "serious"): look at the list before you use it.
 */
export const englishStopWords: readonly string[] = `
a about above across after afterwards again against all almost alone along already also although always am among
amongst amoungst amount an and another any anyhow anyone anything anyway anywhere are around as at back be became
because become becomes becoming been before beforehand behind being below beside besides between beyond bill both
bottom but by call can cannot cant co con could couldnt cry de describe detail do done down due during each eg eight
either eleven else elsewhere empty enough etc even ever every everyone everything everywhere except few fifteen fifty
fill find fire first five for former formerly forty found four from front full further get give go had has hasnt have
he hence her here hereafter hereby herein hereupon hers herself him himself his how however hundred i ie if in inc
indeed interest into is it its itself keep last latter latterly least less ltd made many may me meanwhile might mill
mine more moreover most mostly move much must my myself name namely neither never nevertheless next nine no nobody
none noone nor not nothing now nowhere of off often on once one only onto or other others otherwise our ours ourselves
out over own part per perhaps please put rather re same see seem seemed seeming seems serious several she should show
side since sincere six sixty so some somehow someone something sometime sometimes somewhere still such system take ten
than that the their them themselves then thence there thereafter thereby therefore therein thereupon these they thick
thin third this those though three through throughout thru thus to together too top toward towards twelve twenty two
un under until up upon us very via was we well were what whatever when whence whenever where whereafter whereas
whereby wherein whereupon wherever whether which while whither who whoever whole whom whose why will with within
without would yet you your yours yourself yourselves
`
  .trim()
  .split(/\s+/);

/** Frequent German words without much meaning of their own: articles, pronouns, prepositions, auxiliaries and the like. */
export const germanStopWords: readonly string[] = `
aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus bei beim bin bis
bist da damit dann das dass dein deine deinem deinen deiner dem den denn der des dessen dich die dies diese diesem diesen
dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure eurem euren eurer für gegen
gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja
jede jedem jeden jeder jedes jene jenem jenen jener jenes kann kein keine keinem keinen keiner können könnte mal man manche
manchem manchen mancher manches mein meine meinem meinen meiner mich mir mit muss musste nach nein nicht nichts noch nun nur
ob oder ohne sehr sein seine seinem seinen seiner selbst sich sie sind so solche solchem solchen solcher soll sollte sondern
sonst um und uns unser unsere unserem unseren unserer unter viel vom von vor war waren warst was weg weil weiter welche
welchem welchen welcher wenn werde werden wer wie wieder will wir wird wirst wo wollen wollte wurde wurden während würde
würden über zu zum zur zwar zwischen
`
  .trim()
  .split(/\s+/);
