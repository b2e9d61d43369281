import{bind,env,init_host,waitUntil}from"./chunk-TN7BGOZX.js";import"./chunk-37BZZU57.js";init_host();export{bind,env,waitUntil};
